"""HTTP as the contract has it: the server, the order of judgement, requests and answers."""
