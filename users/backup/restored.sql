-- Run in the transaction that loads a backup, as its last step, with chats' participants beside it in
-- participants.tsv. The two snapshots were not taken at one moment and nothing prepared is in them;
-- chats owns the outcome, so its participants become the memberships.
CREATE TEMPORARY TABLE restored (chat_id uuid, user_id uuid) ON COMMIT DROP;
\copy restored FROM participants.tsv

INSERT INTO public.chats (id) SELECT DISTINCT chat_id FROM restored ON CONFLICT DO NOTHING;
DELETE FROM public.memberships m WHERE NOT EXISTS (
    SELECT FROM restored r WHERE r.user_id = m.user_id AND r.chat_id = m.chat_id
);
INSERT INTO public.memberships (user_id, chat_id) SELECT user_id, chat_id FROM restored
ON CONFLICT DO NOTHING;

-- They keep late repeats of a prepare from applying twice; who could repeat one is gone.
TRUNCATE public.committed_transactions;

-- Which of them were revoked after the backup is not known, so all sessions end. restore.sh removes
-- the signing keys, which ends the access tokens.
TRUNCATE public.sessions, public.refresh_tokens, public.push_subscriptions, public.pushes;
