// A server of S3 with one bucket and one key: node s3.cjs MODULES FOLDER PORT BUCKET KEY SECRET. Says where it listens.
// s3rver knows of signatures of version 4 that they are there; aws4 signs each request anew, and what differs is refused.
const [modules, directory, port, bucket, key, secret] = process.argv.slice(2);
const S3rver = require(`${modules}/s3rver`);
const AWSAccount = require(`${modules}/s3rver/lib/models/account`);
const aws4 = require(`${modules}/aws4`);

function isSigned({ method, url, headers: sent }) {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const given = searchParams.get("X-Amz-Signature");
  const names = (searchParams.get("X-Amz-SignedHeaders") ?? "").split(";");
  const at = (searchParams.get("X-Amz-Date") ?? "").replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5");
  if (!(Date.parse(at) + 1_000 * Number(searchParams.get("X-Amz-Expires")) > Date.now())) return false;
  const [, , region] = (searchParams.get("X-Amz-Credential") ?? "").split("/");
  // As they were written: what aws4 writes itself it writes anew.
  const query = url.slice(url.indexOf("?") + 1).split("&");
  const kept = query.filter((pair) => !/^X-Amz-(Signature|SignedHeaders|Algorithm|Credential)=/.test(pair));
  const headers = Object.fromEntries(names.map((name) => [name, sent[name] ?? ""]));
  const request = { method, service: "s3", region, path: `${pathname}?${kept.join("&")}`, headers, signQuery: true };
  const { path } = aws4.sign(request, { accessKeyId: key, secretAccessKey: secret });
  return new URL(path, "http://localhost").searchParams.get("X-Amz-Signature") === given;
}

new AWSAccount(1, "charla").createKeyPair(key, secret);
const server = new S3rver({ address: "127.0.0.1", port: Number(port), silent: true, directory, configureBuckets: [{ name: bucket }] });
server.middleware.unshift(async (context, next) => {
  if (isSigned(context.req)) return next();
  context.status = 403;
  context.body = "SignatureDoesNotMatch";
});
server.run().then(({ address, port }) => console.log(`${address}:${port}`));
