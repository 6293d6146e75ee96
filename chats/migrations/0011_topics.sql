ALTER TABLE chats ADD COLUMN topic text
    CONSTRAINT chats_topic_fits CHECK (char_length(topic) <= 250);

-- As before, with the topic. The release before calls the other one, which leaves the topic alone.
CREATE FUNCTION commit_change(
    _change chat_change, _topic text, _request request_result, _attempt change_attempt
) RETURNS TABLE (seq bigint, at text, outbox_id bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT c.seq, c.at, c.outbox_id
        FROM commit_change(_change, _request, _attempt) AS c;
    UPDATE chats SET topic = _topic
    WHERE id = _change.chat AND topic IS DISTINCT FROM _topic;
END $$;
