#include "../../include/shim.h"

#include "http_config.h"
#include "http_log.h"

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
