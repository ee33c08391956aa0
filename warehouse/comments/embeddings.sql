-- What the columns of embeddings mean, each with an example where that says more
COMMENT ON COLUMN embeddings.api_id IS 'The API; e.g. Weather/open_meteo/forecast';
COMMENT ON COLUMN embeddings.model IS 'Digest of the model that made the vector';
COMMENT ON COLUMN embeddings.document IS 'Digest of the text that it was made of';
COMMENT ON COLUMN embeddings.vector IS 'Of length 1, so that the product of two is their cosine';
COMMENT ON COLUMN embeddings.run_id IS 'The run that encoded the text; later ones have it from there';
