import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const built = (name) => fileURLToPath(new URL(`../../target/debug/${name}`, import.meta.url));

/** The programs under test. */
export const SERVER = process.env.VISAVIS_SERVER_BIN ?? built("visavis-server");
export const PEER = process.env.VISAVIS_PEER_BIN ?? built("visavis-peer");
export const APP = process.env.VISAVIS_APP_BIN ?? built("visavis");

/** The test kit's own, built beside the peer. */
export const CAMERA_FEED = join(dirname(PEER), "camera-feed");
export const CAMERA_PROBE = join(dirname(PEER), "camera-probe");
