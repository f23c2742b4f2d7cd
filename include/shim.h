/* What only macros of httpd can do, as functions. */
#ifndef REALDOC_SHIM_H
#define REALDOC_SHIM_H

#include "httpd.h"
#include "util_filter.h"

/* A macro with a cast in it. */
enum { REALDOC_APR_INCOMPLETE = APR_INCOMPLETE };

/* Whether a line at this level would be written: LogLevel, with our module's own. */
int realdoc_logs_request(const request_rec *r, int level);
int realdoc_logs_server(const server_rec *s, int level);

/* Writes the line. `s` may be NULL: then it goes to httpd's stderr. */
void realdoc_log_request(const char *file, int line, int level,
                         const request_rec *r, const char *message);
void realdoc_log_server(const char *file, int line, int level,
                        const server_rec *s, const char *message);

/* Ends the request with an error of httpd's in the place of what the filter `f` was given. */
apr_status_t realdoc_end_with(ap_filter_t *f, apr_bucket_brigade *bb, int status);

#endif
