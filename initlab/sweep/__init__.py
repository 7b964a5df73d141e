"""How is a plan carried out? Tasks, engines that do them, and sessions of a results folder."""
