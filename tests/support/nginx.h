/* nginx, serving all files by their absolute paths, for tests that prefer a real server. */
#ifndef TEST_NGINX_H
#define TEST_NGINX_H

/* The URL of this file, on a server that is started at the first call and
 * stopped when the process exits. Exits with 77, "skipped", if there is no nginx. Free with free().
 */
char *nginx_url(const char *path);

#endif
