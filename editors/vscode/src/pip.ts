/** What pip and venv print, in words for a person. */

/** A line of pip's output worth showing as progress. */
export function progressOf(line: string): string | undefined {
  const step = /^\s*(Collecting|Downloading|Processing|Building wheel for|Installing collected packages)\b:?\s*(.*)$/.exec(line);
  if (!step) {
    return undefined;
  }
  const [, verb = '', rest = ''] = step;
  if (verb === 'Installing collected packages') {
    return 'unpacking';
  }
  const size = /\([\d.]+ [kMG]?B\)/.exec(rest)?.[0] ?? '';
  const [name = ''] = rest.split(/[\s;(<>=!~]/, 1);
  const base = name.split(/[/\\]/).pop() ?? name;
  return `${verb.replace('Building wheel for', 'building').toLowerCase()} ${base} ${size}`.trim();
}

const explanations: readonly (readonly [RegExp, string])[] = [
  [
    /ensurepip is not|No module named '?(venv|ensurepip)/,
    'This Python cannot make environments. Install its venv package (on Debian and Ubuntu: apt install python3-venv), then try again.',
  ],
  [/No space left on device|Errno 28|not enough space/i, 'The disk is full.'],
  [
    /NewConnectionError|ConnectionError|Temporary failure in name resolution|Name or service not known|getaddrinfo failed|Network is unreachable|ProxyError|ConnectTimeout|Read timed out|nodename nor servname/i,
    'The package index cannot be reached. Check the network or the proxy, then try again. A server that is already on this machine works without a network: name it in starcoder.server.path.',
  ],
  [/CERTIFICATE_VERIFY_FAILED|SSLError/, "The package index's certificate was refused: a proxy may stand between. See pip's cert setting."],
  [/requires a different Python|Requires-Python/, 'This Python is too old for the server. Install a newer one, or name one in starcoder.server.python.'],
  [
    /No matching distribution found|Could not find a version/,
    'The package index lacks a package that it needs, or has none for this Python and this machine. Name another Python in starcoder.server.python; what is installed stands in starcoder.server.installSpec.',
  ],
  [/Invalid requirement|is not a valid|does not appear to be a Python project|neither 'setup.py' nor/, 'The setting starcoder.server.installSpec names nothing that pip can install.'],
];

/** The first known cause of a failure, as a sentence that says what to do. */
export function explain(output: string): string {
  return explanations.find(([pattern]) => pattern.test(output))?.[1] ?? 'The log has the details.';
}
