"""The domain of Storyloom: sessions, the story run, its agents and their store. Imports no web framework."""
