-- What the purge looks for, so that it does not read the whole log each minute.
CREATE INDEX audit_log_by_age ON audit_log (at);
