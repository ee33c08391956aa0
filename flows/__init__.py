"""Flows: in what order the stages run, with which parameters, and how a person starts and reads them."""
