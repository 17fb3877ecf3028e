'use strict';
// Fails every delivery of a message until it is dead: fail.js TOPIC GROUP TIMES. Prints TRY for each. Stays until its
// standard input ends: nothing in the client says when a message is on its way back.

const { consumer, countdown, dismissed, run, say } = require('./client');

run(async ([ topic, group, times ]) => {
  const reader = consumer(group, { maxReconsumeTimes: Number(times) - 1 });
  const left = countdown(Number(times));
  reader.subscribe(topic, '*', async message => {
    say('TRY', message.topic, message.reconsumeTimes, message.properties.UNIQ_KEY);
    left.step();
    throw new Error('not today');
  });
  await left.done;
  await dismissed();
  await reader.close();
});
