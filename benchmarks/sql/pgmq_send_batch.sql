SELECT count(*) FROM pgmq.send_batch('bench', array_fill(jsonb_build_object('body', repeat('x', 1024)), ARRAY[100]));
