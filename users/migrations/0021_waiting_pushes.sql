-- How many wait for a browser is counted with each offer.
CREATE INDEX pushes_waiting ON pushes (session_id) WHERE due_at < 'infinity';
