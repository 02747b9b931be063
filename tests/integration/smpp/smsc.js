// An SMSC that does what a test tells it, over HTTP: see smsc.py. Speaking SMPP is left to the
// package "smpp", which none of us wrote.
"use strict";

const fs = require("fs");
const http = require("http");
const smpp = require("smpp");

const sessions = new Set();
let log, conduct, counter;

function reset() {
  log = { binds: [], submits: [], enquiries: 0, answers: [], unbinds: 0, connections: 0 };
  conduct = {
    bind: 0, // command_status of the answer
    submit: {}, // what every submit meets: status, nack, delay_ms, silent, close, half, octets, id
    next: [], // what the next submits meet instead, one each
    enquire: true, // whether an enquire_link is answered
    radix: 10, // in which ids are answered
    receipts: null, // {stat, delay_ms, radix, err}: of every submit that was taken
  };
  counter = 1000;
}
reset();

function textOf(message) {
  if (message === undefined || message === null) return "";
  const text = message.message === undefined ? message : message.message;
  return Buffer.isBuffer(text) ? text.toString("latin1") : String(text);
}

function headerOf(message) {
  const udh = message && message.udh;
  if (!udh) return "";
  return Array.isArray(udh)
    ? Buffer.concat(udh.map((part) => Buffer.from(part))).toString("hex")
    : Buffer.from(udh).toString("hex");
}

function bound(mode) {
  return [...sessions].find((session) => session.mode === mode && !session.socket.destroyed);
}

function receipt(pdu, id, { stat, delay_ms = 0, radix = 10, err = "000" }, tries = 5) {
  setTimeout(() => {
    const session = bound("receiver");
    if (!session) return;
    const name = parseInt(id.number, 10).toString(radix);
    session.deliver_sm(
      {
        source_addr: pdu.destination_addr,
        source_addr_ton: 1,
        destination_addr: pdu.source_addr,
        esm_class: 4,
        short_message:
          `id:${name} sub:001 dlvrd:001 submit date:2611220900 done date:2611220901 ` +
          `stat:${stat} err:${err} text:hello`,
      },
      (answer) => {
        log.answers.push(answer.command_status);
        const again = { stat, delay_ms: 500, radix, err };
        if (answer.command_status && tries) receipt(pdu, id, again, tries - 1);
      },
    );
  }, delay_ms);
}

function submit(session, pdu) {
  const rule = conduct.next.shift() || conduct.submit;
  log.submits.push({
    from: [pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr],
    to: [pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr],
    esm_class: pdu.esm_class,
    data_coding: pdu.data_coding,
    // The package makes an instant of it.
    validity: pdu.validity_period instanceof Date
      ? Math.round((pdu.validity_period - Date.now()) / 1000)
      : null,
    registered: pdu.registered_delivery,
    header: headerOf(pdu.short_message),
    text: textOf(pdu.short_message),
    payload: textOf(pdu.message_payload),
    system_id: session.systemId,
  });
  if (rule.silent) return;
  if (rule.close) {
    session.socket.destroy();
    return;
  }
  if (rule.octets) {
    session.socket.write(Buffer.from(rule.octets, "hex"));
    return;
  }
  if (rule.half) {
    const whole = pdu.response({ command_status: 0, message_id: "77" }).toBuffer();
    session.socket.end(whole.subarray(0, whole.length - 2));
    return;
  }
  const number = ++counter;
  const id = rule.id === undefined ? number.toString(conduct.radix) : rule.id;
  const status = rule.status || 0;
  setTimeout(() => {
    if (rule.nack) {
      session.send(
        new smpp.PDU("generic_nack", {
          sequence_number: pdu.sequence_number,
          command_status: rule.nack,
        }),
      );
      return;
    }
    session.send(
      pdu.response(
        status ? { command_status: status } : { command_status: 0, message_id: id },
      ),
    );
    if (!status && conduct.receipts) receipt(pdu, { number: String(number) }, conduct.receipts);
  }, rule.delay_ms || 0);
}

function serve(session) {
  sessions.add(session);
  log.connections += 1;
  session.on("close", () => sessions.delete(session));
  session.on("error", () => session.socket.destroy());
  for (const mode of ["transmitter", "receiver", "transceiver"]) {
    session.on(`bind_${mode}`, (pdu) => {
      log.binds.push({
        mode,
        system_id: pdu.system_id,
        password: pdu.password,
        system_type: pdu.system_type,
        version: pdu.interface_version,
      });
      if (!conduct.bind) session.mode = mode;
      session.systemId = pdu.system_id;
      session.send(pdu.response({ command_status: conduct.bind, system_id: "test-smsc" }));
    });
  }
  session.on("submit_sm", (pdu) => submit(session, pdu));
  session.on("enquire_link", (pdu) => {
    log.enquiries += 1;
    if (conduct.enquire) session.send(pdu.response());
  });
  session.on("unbind", (pdu) => {
    log.unbinds += 1;
    session.send(pdu.response(), () => session.close());
  });
}

const commands = {
  reset,
  conduct: (wanted) => Object.assign(conduct, wanted),
  log: () => ({ ...log, bound: [...sessions].map((session) => session.mode).filter(Boolean) }),
  // Delivers, and answers with the command_status that it was answered with; -1: none came.
  deliver: ({ fields, wait_ms = 15000, mode = "receiver", octets, parameters = {} }) =>
    new Promise((resolve) => {
      const session = bound(mode);
      if (!session) return resolve({ status: null });
      const given = { ...fields };
      for (const name in parameters) given[name] = Buffer.from(parameters[name], "hex");
      if (octets !== undefined) given.short_message = Buffer.from(octets, "hex");
      const timer = setTimeout(() => resolve({ status: -1 }), wait_ms);
      session.on("close", () => resolve({ status: -1 }));
      session.deliver_sm(given, (answer) => {
        clearTimeout(timer);
        resolve({ status: answer.command_status });
      });
    }),
  enquire: ({ mode }) =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ status: -1 }), 5000);
      bound(mode).enquire_link((answer) => {
        clearTimeout(timer);
        resolve({ status: answer.command_status });
      });
    }),
  unbind: ({ mode }) =>
    new Promise((resolve) => {
      bound(mode).unbind((answer) => resolve({ status: answer.command_status }));
    }),
  drop: () => sessions.forEach((session) => session.socket.destroy()),
  say: ({ mode, octets }) => bound(mode).socket.write(Buffer.from(octets, "hex")),
};

const options =
  process.argv.length > 3
    ? { key: fs.readFileSync(process.argv[2]), cert: fs.readFileSync(process.argv[3]) }
    : {};
const server = smpp.createServer(options, serve);
server.on("error", (error) => {
  console.error(error);
  process.exit(1);
});

const control = http.createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", async () => {
    try {
      const answer = await commands[request.url.slice(1)](JSON.parse(body || "{}"));
      response.end(JSON.stringify(answer === undefined ? {} : answer));
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error && error.stack));
    }
  });
});

server.listen(0, "127.0.0.1", () => {
  control.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ smpp: server.address().port, control: control.address().port }));
  });
});
// The test that started it ends its input when it ends.
process.stdin.on("end", () => process.exit(0)).resume();
