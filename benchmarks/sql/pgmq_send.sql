SELECT pgmq.send('bench', jsonb_build_object('body', repeat('x', 1024)));
