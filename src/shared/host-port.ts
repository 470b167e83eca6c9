/** Joins host and port: `192.0.2.1:8081`, or `[2001:db8::1]:8081` for IPv6 (RFC 3986, section 3.2.2). */
export function hostPort(host: string, port: number | string): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
