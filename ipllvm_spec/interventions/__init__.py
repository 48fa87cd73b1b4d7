"""How declared interventions are applied to images and visual tokens."""
