'use strict';
// Sends messages, one of them compressed and some in order by a sharding key: send.js TOPIC. Prints SENT, the mode,
// the status, the offset id and the queue.

const { Message } = require('ali-ons');
const { producer, run, say } = require('./client');

function message(topic, text) {
  const tag = text.split('-')[0];
  const made = new Message(topic, tag, text);
  made.keys = [ `key-${tag}` ];
  return made;
}

run(async ([ topic ]) => {
  const sender = await producer('interop-node-producer');
  const send = async (mode, made) => {
    const result = await sender.send(made);
    say('SENT', mode, result.sendStatus, result.msgId, result.messageQueue.queueId);
  };
  for (let i = 0; i < 3; i++) {
    const made = message(topic, `sync-${i}`);
    made.properties.colour = 'red';
    await send('sync', made);
  }
  await Promise.all([ 0, 1, 2 ].map(i => send('async', message(topic, `async-${i}`))));
  // Long enough to travel compressed.
  await send('long', message(topic, `long-${'x'.repeat(100000)}`));
  for (let i = 0; i < 5; i++) {
    const made = message(topic, `keyed-${i}`);
    made.shardingKey = 'one';
    await send('keyed', made);
  }
  await sender.close();
});
