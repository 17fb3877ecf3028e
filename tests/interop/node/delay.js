'use strict';
// Sends a message that is to be seen later, and waits for it: delay.js TOPIC GROUP MILLISECONDS. Prints GOT, and WAITED
// with the milliseconds that went by since the time it was meant for.

const { Message } = require('ali-ons');
const { consumer, countdown, producer, run, say, tell } = require('./client');

run(async ([ topic, group, milliseconds ]) => {
  const sender = await producer('interop-node-producer');
  const made = new Message(topic, 'later', 'later-0');
  const due = Date.now() + Number(milliseconds);
  made.setStartDeliverTime(due);
  await sender.send(made);
  const reader = consumer(group);
  const left = countdown(1);
  reader.subscribe(topic, '*', async message => {
    tell(message);
    say('WAITED', Date.now() - due);
    left.step();
  });
  await left.done;
  await reader.close();
  await sender.close();
});
