'use strict';
// Consumes COUNT messages: consume.js TOPIC GROUP TAGS clustering|broadcasting COUNT. Prints GOT for each.

const { consumer, countdown, run, say, tell } = require('./client');

run(async ([ topic, group, tags, way, count ]) => {
  const reader = consumer(group, { isBroadcast: way === 'broadcasting' });
  const left = countdown(Number(count));
  reader.subscribe(topic, tags, async message => {
    tell(message);
    setImmediate(left.step); // after the client has counted it as done
  });
  await reader.ready();
  say('STARTED');
  await left.done;
  await reader.close();
});
