# --var port_base=80
