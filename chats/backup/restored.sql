-- Run in the transaction that loads a backup, as its last step. The loaded snapshot ends somewhere
-- in the past: clients may have seen seqs that will be given to other events.
UPDATE public.installation SET epoch = gen_random_uuid();

-- What users had prepared is not in its backup: nobody will ask how it ended.
TRUNCATE public.decisions;
