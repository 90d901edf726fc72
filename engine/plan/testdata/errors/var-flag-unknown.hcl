# --var port_bas=15300
