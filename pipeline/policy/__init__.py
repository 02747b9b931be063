"""Pure decisions: facts and rules in, a decision with its reason out."""
