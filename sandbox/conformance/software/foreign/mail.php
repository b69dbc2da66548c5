<?php
// PHPMailer.
[$me, $secret, $mechanism] = [getenv("ME"), getenv("SECRET"), getenv("MECHANISM")];
for ($turn = 0; $turn < (int)getenv("TIMES"); $turn++) {
    require_once "libphp-phpmailer/autoload.php";
    $mail = new PHPMailer\PHPMailer\PHPMailer(true);
    $mail->isSMTP();
    $mail->Host = getenv("HOST");
    $mail->Port = (int)getenv("PORT");
    $mail->SMTPSecure = getenv("TLS") === "implicit"
        ? PHPMailer\PHPMailer\PHPMailer::ENCRYPTION_SMTPS
        : PHPMailer\PHPMailer\PHPMailer::ENCRYPTION_STARTTLS;
    $tls = ["cafile" => getenv("CA")];
    if (getenv("CERT")) $tls += ["local_cert" => getenv("CERT"), "local_pk" => getenv("KEY")];
    $mail->SMTPOptions = ["ssl" => $tls];
    if ($mechanism !== "NONE") {
        $mail->SMTPAuth = true;
        $mail->AuthType = $mechanism;
        $mail->Username = $me;
        $mail->Password = $secret;
        if ($mechanism === "XOAUTH2") {
            $mail->setOAuth(new class($me, $secret)
                implements PHPMailer\PHPMailer\OAuthTokenProvider {
                public function __construct(private $me, private $token) {}
                public function getOauth64() {
                    return base64_encode(
                        "user={$this->me}\x01auth=Bearer {$this->token}\x01\x01");
                }
            });
        }
    }
    $mail->setFrom(getenv("FROM"));
    $mail->addAddress(getenv("TO"));
    $mail->Subject = getenv("SUBJECT");
    $mail->Body = "Bonjour.\n";
    $mail->send();
}
