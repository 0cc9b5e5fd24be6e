// One scenario of the official SDK: `node scenarios.mjs NAME '{"given": …}'` prints what came of it.

import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { StemSplit, webhooks } from "@stemsplit/sdk";

const QUICKLY = { pollIntervalMs: 100, timeoutMs: 600_000 };

const scenarios = {
  async path({ client, given }) {
    return finished(await client.jobs.create({ ...given.options, audio: given.song }), given);
  },

  async bytes({ client, given }) {
    const audio = await readFile(given.song);
    return finished(await client.jobs.create({ ...given.options, audio, fileName: "bytes.wav" }), given);
  },

  async stream({ client, given }) {
    const audio = await buffer(createReadStream(given.song));
    return finished(await client.jobs.create({ ...given.options, audio, fileName: "stream.wav" }), given);
  },

  async blob({ client, given }) {
    const audio = new Blob([await readFile(given.song)]);
    return finished(await client.jobs.create({ ...given.options, audio, fileName: "blob.wav" }), given);
  },

  async url({ client, given }) {
    return finished(await client.jobs.create({ ...given.options, sourceUrl: given.url }), given);
  },

  // what each creation answered; nobody waits
  async many({ client, given }) {
    const jobs = [];
    for (const options of given.each) {
      const job = await client.jobs.create({ ...options, audio: given.song });
      jobs.push(job.raw);
    }
    return jobs;
  },

  async wait({ client, given }) {
    return finished(await client.jobs.get(given.id), given);
  },

  get: ({ client, given }) => client.jobs.get(given.id).then((job) => job.raw),
  list: ({ client, given }) => client.jobs.list(given.query),

  async iterate({ client, given }) {
    const ids = [];
    for await (const job of client.jobs.iterAll(given.query)) ids.push(job.id);
    return ids;
  },

  async linked({ client, given }) {
    const jobs = client[given.resource];
    const created = await jobs.create(given.url);
    const done = await jobs.waitForCompletion(created.id, QUICKLY);
    return { created, done, listed: (await jobs.list({ limit: 1 })).jobs[0] };
  },

  getLinked: ({ client, given }) => client[given.resource].get(given.id),
  createLinked: ({ client, given }) => client[given.resource].create(given.url),

  async denoise({ client, given }) {
    const created = await client.denoiseJobs.create(given.options);
    const done = await client.denoiseJobs.waitForCompletion(created.id, QUICKLY);
    const file = await client.denoiseJobs.downloadResult(done, given.folder);
    return { created, done, file, listed: (await client.denoiseJobs.list({ limit: 1 })).jobs[0] };
  },

  balance: ({ client }) => client.account.get(),

  verify: ({ given }) =>
    webhooks.verifyAndParse(Buffer.from(given.body, "base64"), given.signature, given.secret),
};

async function finished(job, { folder }) {
  const created = job.raw;
  const done = await job.waitForCompletion(QUICKLY);
  return { created, done: done.raw, files: (await done.downloadAll(folder)).files };
}

function told(error) {
  return { ...error, name: error.name, message: error.message };
}

const [name, text] = process.argv.slice(2);
const given = JSON.parse(text);
const client = new StemSplit({
  baseUrl: process.env.STEMSPLIT_API_BASE_URL,
  maxRetries: given.maxRetries ?? 3,
});
try {
  console.log(JSON.stringify({ returned: await scenarios[name]({ client, given }) }));
} catch (error) {
  console.log(JSON.stringify({ thrown: told(error) }));
}
