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

-- Which of them were revoked after the backup is not known, so all sessions end, and with the keys
-- that sign them all access tokens. A backup of 0.1.0 lacks some of these tables.
DO $$
DECLARE
    of_sessions text;
BEGIN
    FOREACH of_sessions IN ARRAY ARRAY[
        'sessions', 'refresh_tokens', 'push_subscriptions', 'pushes', 'push_key', 'signing_keys'
    ] LOOP
        IF to_regclass('public.' || of_sessions) IS NOT NULL THEN
            EXECUTE format('TRUNCATE public.%I CASCADE', of_sessions);
        END IF;
    END LOOP;
END $$;

-- chats' snapshot is older: accounts that were deleted after it still have everything there, so the
-- work of those deletions is done again. It was not finished more than seven days before the last
-- one, unless the backup took longer than that.
DO $$
BEGIN
    IF to_regclass('public.deletions') IS NOT NULL THEN
        UPDATE public.deletions d SET
            done_at = NULL, claimed_until = '-infinity', messages_after = '',
            messages = d.messages OR EXISTS (
                SELECT FROM public.audit_log l WHERE l.action = 'user.deleted' AND l.of = d.user_id
                    AND (l.detail::json ->> 'messages')::boolean
            )
        WHERE d.done_at IS NULL
            OR d.done_at > (SELECT max(o.done_at) FROM public.deletions o) - interval '7 days';
    END IF;
END $$;
