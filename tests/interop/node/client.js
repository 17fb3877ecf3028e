'use strict';
// What every program needs: the name server's address, an access key if one is given, and a bound on waiting.

const { Consumer, Producer } = require('ali-ons');

const PATIENCE_MS = 200000;

function options(more) {
  return {
    nameSrv: process.env.NAMESRV,
    accessKeyId: process.env.ACCESS_KEY,
    accessKeySecret: process.env.SECRET_KEY,
    httpclient: {}, // only looked for where name servers are found by a web address
    logger: { info() {}, debug() {}, warn: console.error, error: console.error },
    ...more,
  };
}

exports.say = (...words) => console.log(words.join('\t'));

// Prints what a consumer got, in the columns the Java programs use.
exports.tell = message => exports.say('GOT', message.topic, message.queueId, message.queueOffset, message.tags, message.keys,
  message.properties.colour, message.reconsumeTimes, message.properties.UNIQ_KEY, message.body.toString());

exports.producer = async group => {
  const producer = new Producer(options({ producerGroup: group }));
  producer.on('error', error => console.error(error));
  await producer.ready();
  return producer;
};

exports.consumer = (group, more) => {
  const consumer = new Consumer(options({ consumerGroup: group, consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET', ...more }));
  consumer.on('error', error => console.error(error));
  return consumer;
};

// Keeps its promise when the program's standard input ends.
exports.dismissed = () => new Promise(resolve => process.stdin.once('end', resolve).resume());

// Returns a promise, and a function that keeps it when it was called so many times.
exports.countdown = count => {
  let left = count;
  let step;
  const done = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${left} are missing`)), PATIENCE_MS);
    step = () => {
      left -= 1;
      if (left === 0) {
        clearTimeout(timer);
        resolve();
      }
    };
  });
  return { done, step };
};

// Ends the process, which the clients' timers would keep alive, when all it said is out: an exit drops what a full pipe
// has not taken yet.
const leave = code => process.stdout.write('', () => process.exit(code));

exports.run = program => program(process.argv.slice(2)).then(
  () => leave(0),
  error => {
    exports.say('FAILED', error.message);
    leave(1);
  },
);
