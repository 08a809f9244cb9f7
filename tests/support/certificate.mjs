import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Program } from "./process.mjs";

/** A certificate that vouches for itself, for loopback or another address, and its key. */
export class Certificate {
  /**
   * @param {string} file
   * @param {string} key
   */
  constructor(file, key) {
    this.file = file;
    this.key = key;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string} folder where to put it
   * @param {string} [address] of IPv4
   */
  static async make(scope, folder, address = "127.0.0.1") {
    const [file, key] = ["certificate.pem", "key.pem"].map((name) => join(folder, name));
    const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const names = ["-subj", "/CN=localhost", "-addext", `subjectAltName=DNS:localhost,IP:${address}`, "-addext", "basicConstraints=critical,CA:FALSE"];
    const openssl = new Program(scope, "openssl", [...args, ...names, "-out", file, "-keyout", key]);
    const { code } = await openssl.exited;
    if (code !== 0) throw new Error(`openssl made no certificate: ${code}`);
    return new Certificate(file, key);
  }

  /** The hash of its public key by which Chromium is told to trust it, and no other. */
  get publicKeyHash() {
    const { publicKey } = new X509Certificate(readFileSync(this.file));
    return createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64");
  }
}
