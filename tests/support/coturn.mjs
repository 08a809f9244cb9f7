import { join } from "node:path";
import { until } from "./deadline.mjs";
import { Program, run } from "./process.mjs";

const PORT = 3478;
const TLS_PORT = 5349;
const SECRET = "a secret of this test and its coturn, and of no other";

/** Debian's coturn, on its usual ports of an address in a network namespace. */
export class Coturn {
  static port = PORT;
  static tlsPort = TLS_PORT;
  /** What credentials for it are made from. */
  secret = SECRET;

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {{ namespace: string, address: string, certificate: import("./certificate.mjs").Certificate }} options
   */
  static async start(scope, { namespace, address, certificate }) {
    new Program(
      scope,
      "turnserver",
      [
        ...["-n", "-L", address, "-E", address, "-p", String(PORT), "--tls-listening-port", String(TLS_PORT)],
        ...["--cert", certificate.file, "--pkey", certificate.key, "--no-dtls", "--no-cli", "--no-software-attribute"],
        ...["--realm=visavis", "--use-auth-secret", `--static-auth-secret=${SECRET}`, `--allowed-peer-ip=${address}`],
        // Several threads each try to listen for themselves, which needs a kernel that lets them.
        ...["-m", "1", "--log-file", "stdout", "--simple-log", "--pidfile", join(scope.folder, "coturn.pid")],
      ],
      { namespace },
    );
    await until(10_000, "coturn to listen", async () => {
      const listening = await run(scope, "ss", ["-Hlntu"], { namespace });
      return [`tcp.*:${PORT} `, `udp.*:${PORT} `, `tcp.*:${TLS_PORT} `].every((it) => new RegExp(it).test(listening));
    });
    return new Coturn();
  }
}
