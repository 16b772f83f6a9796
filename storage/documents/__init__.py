"""Values of the models to BSON documents and back, by collection."""
