'use strict';
// Consumes COUNT messages: consume.js TOPIC GROUP TAGS clustering|broadcasting COUNT. Prints GOT for each.
// Stays until its standard input ends: nothing in the client says when a message is counted as done.

const { consumer, countdown, dismissed, run, say, tell } = require('./client');

run(async ([ topic, group, tags, way, count ]) => {
  const reader = consumer(group, { isBroadcast: way === 'broadcasting' });
  const left = countdown(Number(count));
  reader.subscribe(topic, tags, async message => {
    tell(message);
    left.step();
  });
  await reader.ready();
  say('STARTED');
  await left.done;
  await dismissed();
  await reader.close();
});
