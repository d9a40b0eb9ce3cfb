import process from 'node:process';
import fastify from 'fastify';
import { MongoClient } from 'mongodb';
import { type OrderDocument, viewAndStopped } from '../../../src/views/orders.js';
import { offer } from '../harness/remote.js';

const client = new MongoClient(process.env['MONGODB_URI'] ?? '');
const orders = client.db(process.env['MONGODB_DB']).collection<OrderDocument>('orders');
const app = fastify();

app.get<{ Params: { orderId: string } }>('/v1/orders/:orderId', async ({ params }) =>
  orders.findOne({ _id: params.orderId }, { projection: viewAndStopped }),
);

app.get<{ Querystring: { status: OrderDocument['status'] } }>('/v1/orders', async ({ query }) => ({
  data: await orders
    .find({ status: query.status }, { projection: viewAndStopped })
    .sort({ createdAt: -1, _id: -1 })
    .limit(50)
    .toArray(),
}));

const address = await app.listen({ host: '127.0.0.1', port: 0 });
offer({ address: async () => address }, async () => {
  await app.close();
  await client.close();
});
