/** What a client may say that makes no sense, all of it frames that stand alone or end their connection. */

import { frame, message, OPCODES } from "./rude.mjs";

export const MAX_MESSAGE_BYTES = 65_536;

/** xorshift32: the same nonsense in every run. */
export class Dice {
  #state = 0x5eed;

  roll(sides) {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % sides;
  }
}

const WHOLE = [
  '{"type":"join","payload":{"room":"owl","name":"Eve","media":{"microphone":true,"camera":true}}}',
  '{"type":"description","payload":{"to":"x","description":{"kind":"offer","negotiation":1,"sdp":"v=0"}}}',
  '{"type":"candidates","payload":{"to":"x","candidates":[{"candidate":"candidate:1","mid":"0","ufrag":"u"}]}}',
  '{"type":"media","payload":{"microphone":true,"camera":false}}',
];
const WRONG = [
  ...["", "{", "null", "true", "1e999", "[1,2]", '"type"', '{"payload":{}}', '{"type":"dance"}', '{"type":"leave"}{"type":"leave"}'],
  ...['{"type":7}', '{"type":["join"]}', '{"type":"join"}', '{"type":"join","payload":[]}', '{"type":"leave","payload":{},"more":1}'],
  '{"type":"media","payload":{"microphone":18446744073709551616,"camera":0}}',
  '{"type":"host","payload":{"action":"end","action":"end"}}',
  "[".repeat(20_000),
  '{"a":'.repeat(10_000),
  `{"type":"${"x".repeat(60_000)}"}`,
  `"\\ud800${"\u{10ffff}".repeat(100)}"`,
  '{"type":"join","payload":{"room":"a/b","name":"\u0000","media":{"microphone":true,"camera":true}}}',
];

/** Frames that are each refused with `invalid_message`, and a connection goes on after them. @returns {Buffer[]} */
export function refusedFrames(dice, count) {
  const one = () => {
    switch (dice.roll(8)) {
      case 0:
        return frame(Uint8Array.from({ length: dice.roll(300) }, () => dice.roll(256)), { opcode: OPCODES.binary });
      case 1:
        return frame(Buffer.from(Array.from({ length: dice.roll(300) }, () => 0x20 + dice.roll(0x5f))));
      case 2: {
        // Cut off: never a whole message.
        const text = WHOLE[dice.roll(WHOLE.length)];
        return frame(text.slice(0, dice.roll(text.length)));
      }
      case 3: {
        // A type that there is not, and a field that there is not.
        const text = WHOLE[dice.roll(WHOLE.length)];
        return frame(dice.roll(2) === 0 ? text.replace('{"type":"', '{"type":"x') : text.replace('"payload":{', '"payload":{"x":0,'));
      }
      case 4: {
        const text = Buffer.from(WRONG[dice.roll(10)] || "[");
        const cut = dice.roll(text.length + 1);
        return Buffer.concat([
          frame(text.subarray(0, cut), { final: false }),
          frame("", { opcode: OPCODES.continuation, final: false }),
          frame(text.subarray(cut), { opcode: OPCODES.continuation }),
        ]);
      }
      default: {
        // The large ones less often.
        const text = WRONG[dice.roll(WRONG.length)];
        return frame(text.length > 1000 && dice.roll(20) !== 0 ? text.slice(0, 1000) : text);
      }
    }
  };
  return Array.from({ length: count }, one);
}

/** Understood, and refused for another reason: nonsense in a row is put up with only so often. */
export const UNDERSTOOD = { bytes: message({ type: "media", payload: { microphone: true, camera: true } }), code: "not_in_room" };

const fragment = (bytes, final) => frame(" ".repeat(bytes), { opcode: OPCODES.continuation, final });

/** What ends a connection, with the code that it is told and that of the close frame. */
export const ENDINGS = [
  { what: "text that is not UTF-8", bytes: frame(Buffer.from([0x22, 0xff, 0x22])), code: "invalid_message", close: 1007 },
  { what: "a byte too many", bytes: frame(" ".repeat(MAX_MESSAGE_BYTES + 1)), code: "message_too_large", close: 1009 },
  { what: "a terabyte announced", bytes: frame("x", { announced: 1n << 40n }), code: "message_too_large", close: 1009 },
  { what: "all that can be announced", bytes: frame("x", { announced: (1n << 63n) - 1n }), code: "message_too_large", close: 1009 },
  {
    what: "fragments without end",
    bytes: Buffer.concat([frame(" ".repeat(30_000), { final: false }), fragment(30_000, false), fragment(30_000, false)]),
    code: "message_too_large",
    close: 1009,
  },
  { what: "compressed, which was not agreed on", bytes: frame("x", { reserved: 4 }), code: "invalid_message", close: 1007 },
  { what: "not masked", bytes: frame("x", { masked: false }), code: "invalid_message", close: 1007 },
  { what: "an opcode that there is not", bytes: frame("x", { opcode: 5 }), code: "invalid_message", close: 1007 },
  { what: "a ping that is too large", bytes: frame("x".repeat(126), { opcode: OPCODES.ping }), code: "invalid_message", close: 1007 },
  { what: "a ping in pieces", bytes: frame("x", { opcode: OPCODES.ping, final: false }), code: "invalid_message", close: 1007 },
  { what: "a continuation of nothing", bytes: frame("x", { opcode: OPCODES.continuation }), code: "invalid_message", close: 1007 },
];
