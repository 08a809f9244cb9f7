import { expect, test } from "vitest";
import { inviteLink, parseInvite, parseRoomName, parseRoute, parseServer, personalLink, routePath } from "./routes";

test("a room's path names it, and every other path is home", () => {
  expect(parseRoute("/r/blue-owl-42")).toEqual({ type: "room", room: "blue-owl-42" });
  expect(parseRoute("/r/K%C3%BCche/")).toEqual({ type: "room", room: "Küche" });
  for (const path of ["/", "/r/", "/r/a/b", "/r/a%20b", "/r/%E0", "/x", `/r/${"x".repeat(65)}`]) {
    expect(parseRoute(path), path).toEqual({ type: "home" });
  }
});

test("paths and links lead back to what they were made of", () => {
  for (const room of ["blue-owl-42", "Küche", "a.b_c"]) {
    expect(parseRoute(routePath({ type: "room", room }))).toEqual({ type: "room", room });
    const invite = { server: "https://calls.example.org:8443", room };
    expect(parseInvite(inviteLink(invite))).toEqual(invite);
  }
  expect(parseInvite(" http://127.0.0.1:8080/r/a?name=Ada ")).toEqual({ server: "http://127.0.0.1:8080", room: "a" });
  for (const link of ["", "blue-owl", "https://example.org/", "javascript:alert(1)//r/a", "ftp://example.org/r/a"]) {
    expect(parseInvite(link), link).toBeUndefined();
  }
});

test("a token is in the fragment of a personal link, and not passed on with others", () => {
  const invite = { server: "https://calls.example.org", room: "blue-owl", token: "eyJh.eyJz.c2ln" };
  expect(personalLink(invite)).toBe("https://calls.example.org/r/blue-owl#token=eyJh.eyJz.c2ln");
  expect(parseInvite(personalLink(invite))).toEqual(invite);
  expect(inviteLink(invite)).toBe("https://calls.example.org/r/blue-owl");
  expect(parseInvite("https://calls.example.org/r/a#x=1&token=t&y=2")?.token).toBe("t");
  for (const fragment of ["", "#", "#token=", "#tokens=t", "#nottoken=t", `#token=${"x".repeat(4097)}`]) {
    expect(parseInvite(`https://calls.example.org/r/a${fragment}`), fragment).not.toHaveProperty("token");
  }
  expect(parseInvite("https://calls.example.org/r/a?token=t"), "servers would log it").not.toHaveProperty("token");
});

test("room names keep to the server's rules", () => {
  expect(parseRoomName("  blue-owl ")).toBe("blue-owl");
  for (const text of ["", "a b", "a/b", "x".repeat(65)]) expect(parseRoomName(text), text).toBeUndefined();
});

test("a server's address may be typed without its scheme", () => {
  expect(parseServer("calls.example.org")).toBe("https://calls.example.org");
  expect(parseServer("127.0.0.1:8080")).toBe("http://127.0.0.1:8080");
  expect(parseServer("localhost")).toBe("http://localhost");
  expect(parseServer("https://calls.example.org/r/a")).toBe("https://calls.example.org");
  for (const text of ["", "  ", "ftp://example.org", "http://"]) expect(parseServer(text), text).toBeUndefined();
});
