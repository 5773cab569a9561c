// Log in as a URI says, and print who the server says it is: `user NAME`, `code N` for an error of the server, or `failed TEXT`.
import { MongoClient } from 'mongodb';

const client = new MongoClient(process.argv[2], { serverSelectionTimeoutMS: 5000 });
try {
    const status = await client.db('admin').command({ connectionStatus: 1 });
    await client.db('shop').collection('orders').findOne();
    console.log('user', status.authInfo.authenticatedUsers.map((one) => one.user).join());
} catch (error) {
    console.log(error.code === undefined || typeof error.code === 'string' ? `failed ${error}` : `code ${error.code}`);
} finally {
    await client.close();
}
