-- Who is in which chat, the truth about memberships: what users/backup/restored.sql reads.
COPY (SELECT chat, member FROM public.participants) TO STDOUT;
