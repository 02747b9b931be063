"""Reading the country packs: schema, checks, and how a policy is made of the rules in force."""
