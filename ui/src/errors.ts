/** The one table from error codes to words that a person can act on. */

import type { CallErrorCode } from "./generated/CallErrorCode";
import type { DeviceErrorCode } from "./generated/DeviceErrorCode";
import type { DeviceKind } from "./generated/DeviceKind";
import type { NotKept } from "./generated/NotKept";
import type { ScreenErrorCode } from "./generated/ScreenErrorCode";

export interface ErrorWords {
  /** What happened. */
  title: string;
  /** What to do about it. */
  advice: string;
}

export function callErrorWords(code: CallErrorCode): ErrorWords {
  switch (code) {
    case "server_unreachable":
      return {
        title: "The server does not answer",
        advice: "Check your network and the server's address, then join again.",
      };
    case "server_lost":
      return {
        title: "The connection to the server is lost",
        advice: "You can go on talking; it is being restored. If that takes long, check your network.",
      };
    case "server_garbage":
      return {
        title: "The server does not speak Visavis",
        advice: "Check its address. If it is right, its operator has to look at it.",
      };
    case "unsupported_protocol":
      return {
        title: "Your version and the server's do not fit together",
        advice: "Reload this page, or update the app. If that does not help, the server needs an update.",
      };
    case "too_many_connections":
      return {
        title: "You are connected too often",
        advice: "Close other tabs with calls on this server, or wait a moment, then join again.",
      };
    case "room_full":
      return { title: "This room is full", advice: "Wait until somebody leaves, or start a new call." };
    case "room_locked":
      return { title: "This room is locked", advice: "Ask a host of the call to open it, or start a new call." };
    case "matching_off":
      return { title: "You can't meet strangers here", advice: "This server brings only those together who share a link." };
    case "turned_away":
      return { title: "You were not let in", advice: "The host did not let you in, or the call is over. Ask them, and knock again." };
    case "removed":
      return { title: "You were removed from the call", advice: "A host took you out. You can't come back into this call." };
    case "ended_by_host":
      return { title: "The call has ended", advice: "A host ended it for everybody." };
    case "unauthorized":
      return {
        title: "This server wants to know who you are",
        advice: "Open the link that you were invited with. If it is old, ask for a new one.",
      };
    case "forbidden":
      return { title: "Your invitation is not for this", advice: "Ask who invited you for the right link." };
    case "banned":
      return {
        title: "You are excluded from this server",
        advice: "Its moderators have decided so. If you think that they are wrong, ask those who run the server.",
      };
    case "message_refused":
      return {
        title: "The server refused something",
        advice: "This is a defect of Visavis. Join again, and report it if it comes back.",
      };
    case "server_closing":
      return { title: "The server is restarting", advice: "You will be connected again in a moment." };
    case "negotiation_failed":
      return {
        title: "The two sides could not agree",
        advice: "Ask the others to update their browser or app, and join again.",
      };
    case "path_failed":
      return {
        title: "Sound and picture do not get through",
        advice: "A firewall may be in the way. Leave and join again, or try another network.",
      };
  }
}

export function deviceErrorWords(kind: DeviceKind, code: DeviceErrorCode): ErrorWords {
  const device = DEVICES[kind];
  switch (code) {
    case "not_found":
      return { title: `No ${device} found`, advice: `Plug one in, or choose another ${device}.` };
    case "busy":
      return { title: `The ${device} is in use`, advice: "Close the other program that uses it, then try again." };
    case "denied":
      return {
        title: `The ${device} is not allowed`,
        advice: "Allow it in the address bar or in the system's privacy settings, then try again.",
      };
    case "unsupported_format":
      return { title: `The ${device} has no usable format`, advice: `Choose another ${device}.` };
    case "stalled":
      return { title: `The ${device} has stopped delivering`, advice: "Unplug it, plug it in again, then try again." };
    case "lost":
      return { title: `The ${device} is gone`, advice: `Plug it in again, or choose another ${device}.` };
    case "file":
      return { title: `The file for the ${device} cannot be used`, advice: "Check that it exists and may be read." };
    case "failed":
      return { title: `The ${device} does not work`, advice: `Try again, or choose another ${device}.` };
  }
}

export function screenErrorWords(code: ScreenErrorCode): ErrorWords {
  switch (code) {
    case "unsupported":
      return {
        title: "Screens cannot be shared on this system yet",
        advice: "Open the invite link in a browser, and share from there.",
      };
    case "not_found":
      return { title: "This screen or window is not there", advice: "Choose another one." };
    case "denied":
      return {
        title: "Sharing the screen is not allowed",
        advice: "Allow it in the system's privacy settings, then try again.",
      };
    case "closed":
      return { title: "The window you shared was closed", advice: "Nobody sees it any more. You can share another one." };
    case "failed":
      return { title: "The screen cannot be shared", advice: "Try again, or choose another window." };
  }
}

/** Another device is used for a while. */
export function standInWords(kind: DeviceKind): ErrorWords {
  const device = DEVICES[kind];
  return {
    title: `The ${device} is gone`,
    advice: `The system's own choice takes its place, until the ${device} is back.`,
  };
}

const DEVICES: Record<DeviceKind, string> = { camera: "camera", microphone: "microphone", speaker: "speaker" };

/** Why a report or a block came to nothing. */
export function notKeptWords(why: NotKept): ErrorWords {
  switch (why) {
    case "too_late":
      return { title: "They have been gone for too long", advice: "The server no longer knows who that was." };
    case "too_many":
      return { title: "That was too much at once", advice: "Wait half a minute, then try again." };
    case "unavailable":
      return { title: "The server could not keep that", advice: "Try again. If it goes on, write to whoever runs this server." };
  }
}
