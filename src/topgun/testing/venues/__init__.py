"""The fakes of the venues: one module each, loaded only when it is asked for."""
