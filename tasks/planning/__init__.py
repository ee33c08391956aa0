"""What a refresh would ask of the model, counted before it asks."""
