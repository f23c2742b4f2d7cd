#include "../../include/shim.h"

#include "http_config.h"
#include "http_log.h"
#include "http_protocol.h"

/* Makes the lines ours: [realdoc:error], LogLevel realdoc:debug. */
APLOG_USE_MODULE(realdoc);

int realdoc_logs_request(const request_rec *r, int level)
{
    return APLOG_R_IS_LEVEL(r, level);
}

int realdoc_logs_server(const server_rec *s, int level)
{
    return APLOG_IS_LEVEL(s, level);
}

void realdoc_log_request(const char *file, int line, int level,
                         const request_rec *r, const char *message)
{
    ap_log_rerror(file, line, APLOG_MODULE_INDEX, level, 0, r, "%s", message);
}

void realdoc_log_server(const char *file, int line, int level,
                        const server_rec *s, const char *message)
{
    ap_log_error(file, line, APLOG_MODULE_INDEX, level, 0, s, "%s", message);
}

apr_status_t realdoc_end_with(ap_filter_t *f, apr_bucket_brigade *bb, int status)
{
    apr_bucket_alloc_t *list = f->c->bucket_alloc;

    apr_brigade_cleanup(bb);
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(status, NULL, f->r->pool, list));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(list));
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}
