"""The loss lab: any loss of torch, its inputs checked, its working shown. Torch is loaded here."""
