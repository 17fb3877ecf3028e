SELECT count(*) FROM pgmq.delete('bench', ARRAY(SELECT msg_id FROM pgmq.read('bench', 30, 32)));
