import { MAX_ACCESS_TOKEN_BYTES, MAX_ROOM_NAME_CHARS } from "./call/limits";
import type { AccessToken } from "./generated/AccessToken";
import type { RoomName } from "./generated/RoomName";

/** Where on the site somebody is. */
export type Route = { type: "home" } | { type: "room"; room: RoomName } | { type: "stranger" };

/** A room on a server: what an invite link says. */
export interface Invite {
  /** Origin of the server, such as `https://calls.example.org`. */
  server: string;
  room: RoomName;
  /** Who was invited, to a server that wants to know. */
  token?: AccessToken;
}

/** Whom the user wants to call: whoever has the link to a room, or a stranger on a server. */
export type Goal = { type: "room"; invite: Invite } | { type: "stranger"; server: string };

/** The route of a path: `/r/ROOM` is a room, `/meet` a stranger, everything else home. */
export function parseRoute(pathname: string): Route {
  if (/^\/meet\/?$/.test(pathname)) return { type: "stranger" };
  const room = /^\/r\/([^/]+)\/?$/.exec(pathname)?.[1];
  const name = room === undefined ? undefined : parseRoomName(decode(room));
  return name === undefined ? { type: "home" } : { type: "room", room: name };
}

export function routePath(route: Route): string {
  switch (route.type) {
    case "home":
      return "/";
    case "stranger":
      return "/meet";
    case "room":
      return `/r/${encodeURIComponent(route.room)}`;
  }
}

export function goalPath(goal: Goal): string {
  return routePath(goal.type === "room" ? { type: "room", room: goal.invite.room } : goal);
}

/** The room name in a text, by the rules of the server, or undefined. */
export function parseRoomName(text: string): RoomName | undefined {
  const trimmed = text.trim();
  const valid = /^[\p{Alphabetic}\p{N}._-]+$/u.test(trimmed) && [...trimmed].length <= MAX_ROOM_NAME_CHARS;
  return valid ? trimmed : undefined;
}

/** The invite in a link `http(s)://HOST/r/ROOM[#token=TOKEN]`, or undefined. */
export function parseInvite(link: string): Invite | undefined {
  const url = parseUrl(link.trim());
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  const route = parseRoute(url.pathname);
  if (route.type !== "room") return undefined;
  const token = parseToken(url.hash);
  return { server: url.origin, room: route.room, ...(token !== undefined && { token }) };
}

/** Whom a link is for: a room, or a stranger; undefined if it is neither. */
export function parseGoal(link: string): Goal | undefined {
  const invite = parseInvite(link);
  if (invite !== undefined) return { type: "room", invite };
  const url = parseUrl(link.trim());
  const meets = url !== undefined && /^https?:$/.test(url.protocol) && parseRoute(url.pathname).type === "stranger";
  return meets ? { type: "stranger", server: url.origin } : undefined;
}

/** The token in the fragment of a link, where neither servers nor `Referer` get to see it. */
function parseToken(hash: string): AccessToken | undefined {
  const token = /^#(?:.*&)?token=([^&]*)/.exec(hash)?.[1] ?? "";
  return token !== "" && new TextEncoder().encode(token).length <= MAX_ACCESS_TOKEN_BYTES ? token : undefined;
}

/** The link for others: without the token, which is for one person. */
export function inviteLink({ server, room }: Invite): string {
  return new URL(routePath({ type: "room", room }), server).href;
}

/** The link for this user alone, with the token. */
export function personalLink(invite: Invite): string {
  return inviteLink(invite) + (invite.token === undefined ? "" : `#token=${invite.token}`);
}

/** The origin in what somebody typed as a server's address: `https` unless it says otherwise, or is this machine. */
export function parseServer(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/.test(trimmed);
  const url = parseUrl(/^[a-z]+:\/\//i.test(trimmed) ? trimmed : `${local ? "http" : "https"}://${trimmed}`);
  return url !== undefined && /^https?:$/.test(url.protocol) ? url.origin : undefined;
}

export function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
