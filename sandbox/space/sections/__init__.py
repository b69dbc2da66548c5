"""The tables of a scenario, by what they are about; `space.scenario` holds them together."""
