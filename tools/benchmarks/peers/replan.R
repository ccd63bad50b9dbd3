# Re-planning with R's forecast package, series by series: the same class, the same rolling
# origin, the methods of ours that the package has, with the same fixed weights, and the same
# distributions of the lead-time demand. Usage: Rscript replan.R SERIES.csv SECONDS
# Prints one JSON object.
suppressMessages(library(forecast))

arguments <- commandArgs(trailingOnly = TRUE)
rows <- as.matrix(read.csv(arguments[1], header = FALSE))
seconds <- as.numeric(arguments[2])
origins <- 13

holt_forecast <- function(y, h) holt(y, h = h, initial = "simple", alpha = 0.2, beta = 0.1)
ses_forecast <- function(y, h) ses(y, h = h, initial = "simple", alpha = 0.2)
croston_forecast <- function(y, h) croston(y, h = h, alpha = 0.1)
smooth <- list(naive = naive, mean = meanf, ses = ses_forecast, holt = holt_forecast)
# This version has Croston's method alone; its two corrections are a factor each.
corrections <- c(croston = 1, sba = 1 - 0.1 / 2, sbj = 1 - 0.1 / (2 - 0.1))

replan <- function(y, lead) {
  demands <- y[y > 0]
  adi <- length(y) / length(demands)
  cv2 <- if (length(demands) > 1) (sd(demands) / mean(demands))^2 else 0
  n <- length(y)
  last <- (n - origins):(n - 1)
  one_step <- function(f) tsCV(y, f, h = 1, initial = n - origins - 1)[last]
  if (adi > 1.32) {
    forecasts <- y[last + 1] - one_step(croston_forecast)
    errors <- sapply(corrections, function(factor) y[last + 1] - factor * forecasts)
    best <- which.min(colSums(abs(errors)))
    level <- corrections[best] * croston_forecast(y, 1)$mean[1]
  } else {
    errors <- sapply(smooth, one_step)
    best <- which.min(colSums(abs(errors)))
    level <- smooth[[best]](y, h = 1)$mean[1]
  }
  level <- as.numeric(level)
  error <- sqrt(mean(errors[, best]^2))
  mean <- level * lead
  variance <- lead * error^2 + level^2 * 0.04 * lead^2
  if (variance <= 1.1 * mean) qpois(0.95, mean)
  else if (adi > 1.32) qnbinom(0.95, size = mean^2 / (variance - mean), mu = mean)
  else qgamma(0.95, shape = mean^2 / variance, scale = variance / mean)
}

off <- 0
for (i in seq_len(min(50, nrow(rows)))) {
  y <- ts(rows[i, -(1:3)])
  off <- max(off, abs(ses_forecast(y, 1)$mean[1] / rows[i, 2] - 1),
             abs(croston(y, h = 1, alpha = 0.1)$mean[1] / rows[i, 3] - 1))
}

per_second <- function(work) {
  begin <- proc.time()[["elapsed"]]
  done <- 0
  while (done == 0 || proc.time()[["elapsed"]] - begin < seconds) {
    i <- done %% nrow(rows) + 1
    work(ts(rows[i, -(1:3)]), rows[i, 1])
    done <- done + 1
  }
  done / (proc.time()[["elapsed"]] - begin)
}

invisible(replan(ts(rows[1, -(1:3)]), 1)) # what is loaded late is loaded now
cat(sprintf('{"sku_locations_per_s": %.6f, "ets_per_s": %.6f, "largest_difference": %.3e, "version": "R %s, forecast %s"}\n',
            per_second(replan), per_second(function(y, lead) ets(y)), off,
            getRversion(), packageVersion("forecast")))
