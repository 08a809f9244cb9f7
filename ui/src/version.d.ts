/** Version of this package, put in by the build. */
declare const __VISAVIS_VERSION__: string;
