'use strict';

const { Consumer, Message, Producer } = require('ali-ons');

const nameSrv = process.argv[2]; // 127.0.0.1:9876

async function main() {
  const producer = new Producer({ nameSrv, httpclient: {}, producerGroup: 'shop' });
  await producer.ready();
  const { sendStatus } = await producer.send(new Message('hello-node', 'greeting', 'hello'));
  console.log('sent', sendStatus);

  const consumer = new Consumer({
    nameSrv,
    httpclient: {},
    consumerGroup: 'greeters-node',
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
  });
  await new Promise(resolve => {
    consumer.subscribe('hello-node', 'greeting', async message => {
      console.log('received', message.body.toString());
      resolve();
    });
  });
  await consumer.close();
  await producer.close();
}

main().then(() => process.exit(0));
