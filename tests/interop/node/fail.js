'use strict';
// Fails every delivery of a message until it is dead: fail.js TOPIC GROUP TIMES. Prints TRY for each.

const { consumer, countdown, run, say } = require('./client');

run(async ([ topic, group, times ]) => {
  const reader = consumer(group, { maxReconsumeTimes: Number(times) - 1 });
  const left = countdown(Number(times));
  reader.subscribe(topic, '*', async message => {
    say('TRY', message.topic, message.reconsumeTimes, message.properties.UNIQ_KEY);
    setImmediate(left.step); // when the client has begun to send it back
    throw new Error('not today');
  });
  await left.done;
  await reader.close();
});
