/**
 * How many threads Node has for files, names, video and pictures. Imported before whatever uses them first. One
 * stream's five renditions, a decode and an encode leave one to the others; four, as Node has, they would fill.
 */
const THREADS = 8;

process.env.UV_THREADPOOL_SIZE ??= String(THREADS);
