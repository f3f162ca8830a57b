// @ts-check
/** Ids that the service makes of a name: known here before it has answered. Without a library, and without HTTPS. */

/**
 * A UUID of version 5, as Python's `uuid5`.
 * @param {string} namespace a UUID @param {string} name
 */
export function uuid5(namespace, name) {
  const space = (namespace.replaceAll("-", "").match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  const digest = sha1([...space, ...new TextEncoder().encode(name)]).slice(0, 16);
  digest[6] = (digest[6] & 0x0f) | 0x50;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  const hex = digest.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** FIPS 180-4. What it is used for needs no secrecy. @param {number[]} bytes @returns {number[]} */
function sha1(bytes) {
  const length = bytes.length;
  const padded = [...bytes, 0x80];
  while (padded.length % 64 !== 56) padded.push(0);
  // No name is as long as the upper half of the length could say.
  padded.push(0, 0, 0, 0, ...word(length * 8));
  let hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const words = new Uint32Array(80);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 80; i += 1) {
      const at = block + 4 * i;
      words[i] = i < 16
        ? (padded[at] << 24) | (padded[at + 1] << 16) | (padded[at + 2] << 8) | padded[at + 3]
        : turned(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    let [a, b, c, d, e] = hash;
    for (let i = 0; i < 80; i += 1) {
      const [mixed, constant] = i < 20 ? [(b & c) | (~b & d), 0x5a827999]
        : i < 40 ? [b ^ c ^ d, 0x6ed9eba1]
          : i < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6];
      const next = (turned(a, 5) + mixed + e + constant + words[i]) >>> 0;
      [a, b, c, d, e] = [next, a, turned(b, 30), c, d];
    }
    hash = [hash[0] + a, hash[1] + b, hash[2] + c, hash[3] + d, hash[4] + e].map((one) => one >>> 0);
  }
  return hash.flatMap(word);
}

/** @param {number} value @param {number} by */
const turned = (value, by) => ((value << by) | (value >>> (32 - by))) >>> 0;

/** @param {number} value @returns {number[]} its four bytes */
const word = (value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
