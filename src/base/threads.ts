/**
 * Sets the size of Node's thread pool, which files, DNS, video and pictures share. Import it before anything that uses
 * the pool. One stream with five renditions, a decode and an encode occupies seven threads; Node's default is four.
 */
const POOL_THREADS = 8;

process.env.UV_THREADPOOL_SIZE ??= String(POOL_THREADS);
